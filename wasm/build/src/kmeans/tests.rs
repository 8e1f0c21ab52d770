use super::centroids::{Centroids, Metric};
use super::lloyd::Lloyd;
use super::progress::{Clustering, Limits};
use super::random::Random;
use super::training::{Options, Training};

fn run(vectors: &[f32], options: Options) -> Training {
    let mut training = Training::new(vectors.len() / options.dimension, options).unwrap();
    training.vectors_mut().copy_from_slice(vectors);
    while !training.done() {
        training.step().unwrap();
    }
    training
}

/// As the host gets them.
fn centroids_of(training: &Training) -> Vec<f32> {
    let mut bytes = vec![0xff; training.centroid_bytes()];
    training.write_centroids(&mut bytes);
    bytes
        .chunks_exact(4)
        .map(|four| f32::from_le_bytes(four.try_into().unwrap()))
        .collect()
}

fn options(metric: Metric, k: usize, dimension: usize, max_iterations: u32) -> Options {
    Options {
        metric,
        k,
        dimension,
        seed: 42,
        limits: Limits {
            max_iterations,
            tolerance: 1e-4,
        },
    }
}

fn train(vectors: &[f32], dimension: usize, k: usize) -> (Vec<f32>, f64) {
    let training = run(vectors, options(Metric::L2, k, dimension, 50));
    (centroids_of(&training), training.progress().loss)
}

/// Groups of rows around places of their own.
fn grouped(num_rows: usize, dimension: usize, groups: usize) -> Vec<f32> {
    let mut random = Random::new(5);
    let places: Vec<f32> = (0..groups * dimension)
        .map(|_| random.next_unit() as f32 * 4.0)
        .collect();
    let mut value = |i: usize| {
        let group = i / dimension % groups;
        places[group * dimension + i % dimension] + random.next_unit() as f32
    };
    (0..num_rows * dimension).map(&mut value).collect()
}

/// Summed distance to the nearest centroid, compared one by one.
fn plain_loss(vectors: &[f32], centroids: &[f32], dimension: usize) -> f64 {
    let distance = |row: &[f32], centroid: &[f32]| -> f64 {
        let square = |(a, b): (&f32, &f32)| f64::from(a - b).powi(2);
        row.iter().zip(centroid).map(square).sum()
    };
    vectors
        .chunks_exact(dimension)
        .map(|row| {
            centroids
                .chunks_exact(dimension)
                .map(|centroid| distance(row, centroid))
                .fold(f64::INFINITY, f64::min)
        })
        .sum()
}

#[test]
fn finds_well_parted_groups_far_from_zero() {
    let vectors: Vec<f32> = (0..300)
        .flat_map(|i| [1e5 + (i % 3) as f32 * 100.0 + (i % 7) as f32 * 0.1, 1e5])
        .collect();
    let (centroids, loss) = train(&vectors, 2, 3);
    let mut first: Vec<f32> = centroids.chunks(2).map(|c| (c[0] - 1e5).round()).collect();
    first.sort_by(f32::total_cmp);
    assert_eq!(first, [0.0, 100.0, 200.0]);
    assert!(loss < 300.0);
}

#[test]
fn many_clusters_lose_about_what_all_pairs_do() {
    // Neighbourhoods after seeds, and after a tree.
    for (k, dimension, num_rows) in [(96, 176, 1500), (300, 64, 3000)] {
        let vectors = grouped(num_rows, dimension, k / 2);
        let (centroids, loss) = train(&vectors, dimension, k);
        let numbers = (0..num_rows as u32).collect();
        let seeds = Centroids::new(Metric::L2, vec![0.0; k * dimension], dimension).unwrap();
        let limits = options(Metric::L2, k, dimension, 50).limits;
        let mut lloyd = Lloyd::new(numbers, seeds, limits).unwrap();
        let mut random = Random::new(42);
        while !lloyd.done() {
            lloyd.step(&vectors, &mut random).unwrap();
        }
        let found = plain_loss(&vectors, &centroids, dimension);
        assert!(found <= loss * 1.0001, "{found} {loss}");
        assert!(
            found <= lloyd.progress.loss * 1.03,
            "{found} {}",
            lloyd.progress.loss
        );
    }
}

#[test]
fn improves_until_it_settles() {
    let mut random = Random::new(3);
    let vectors: Vec<f32> = (0..4000).map(|_| random.next_unit() as f32).collect();
    let losses: Vec<f64> = [1, 2, 5, 50]
        .map(|iterations| {
            let training = run(&vectors, options(Metric::L2, 40, 4, iterations));
            assert!(training.progress().iteration <= iterations);
            training.progress().loss
        })
        .to_vec();
    assert!(
        losses.windows(2).all(|pair| pair[1] < pair[0]),
        "{losses:?}"
    );
}

#[test]
fn iterations_are_counted_in_every_kind_of_training() {
    for (k, dimension) in [(8, 4), (96, 176), (300, 64)] {
        let vectors = grouped(k * 5, dimension, k);
        for limit in [0, 1, 3] {
            let training = run(&vectors, options(Metric::L2, k, dimension, limit));
            assert!(training.progress().iteration <= limit);
            let centroids = centroids_of(&training);
            assert_eq!(centroids.len(), k * dimension);
            assert!(centroids.iter().all(|value| value.is_finite()));
        }
    }
}

#[test]
fn more_centroids_than_vectors_and_equal_vectors_end() {
    let (centroids, loss) = train(&[1.0, 2.0, 3.0], 1, 8);
    assert!(centroids.iter().all(|c| c.is_finite()));
    assert!(loss < 1e-6);
    for (num_rows, dimension, k) in [(200, 3, 16), (400, 256, 80), (1200, 64, 290)] {
        let (centroids, loss) = train(&vec![5.0; num_rows * dimension], dimension, k);
        assert!(centroids.iter().all(|&c| c == 5.0));
        assert_eq!(loss, 0.0);
    }
}

#[test]
fn a_tree_parts_rows_that_are_mostly_equal() {
    let (dimension, k) = (64, 260);
    let mut vectors = grouped(2000, dimension, 500);
    vectors[300 * dimension..].fill(0.0);
    let training = run(&vectors, options(Metric::L2, k, dimension, 50));
    let centroids = centroids_of(&training);
    let mut distinct: Vec<Vec<u32>> = centroids
        .chunks(dimension)
        .map(|c| c.iter().map(|value| value.to_bits()).collect())
        .collect();
    distinct.sort();
    distinct.dedup();
    assert!(distinct.len() > 200, "{}", distinct.len());
}

#[test]
fn dot_gives_directions() {
    for (k, dimension) in [(8, 4), (96, 176), (300, 64)] {
        let vectors = grouped(k * 6, dimension, k);
        let training = run(&vectors, options(Metric::Dot, k, dimension, 20));
        for centroid in centroids_of(&training).chunks(dimension) {
            let norm: f32 = centroid.iter().map(|value| value * value).sum();
            assert!((norm - 1.0).abs() < 1e-5);
        }
    }
}

#[test]
fn rows_that_are_not_finite_are_left_out() {
    let (centroids, _) = train(&[f32::NAN, 1.0, f32::INFINITY, 3.0], 1, 1);
    assert_eq!(centroids, [2.0]);
}

#[test]
fn rows_too_far_apart_for_a_mean_are_kept() {
    let (centroids, _) = train(&[3e38, -3e38, 3e38, -3e38], 1, 1);
    assert_eq!(centroids, [0.0]);
}

#[test]
fn none_of_rows_values_and_centroids_is_refused() {
    for (num_rows, dimension, k) in [(0, 4, 2), (8, 0, 2), (8, 4, 0), (8, usize::MAX / 4, 2)] {
        assert!(Training::new(num_rows, options(Metric::L2, k, dimension, 1)).is_err());
    }
}
