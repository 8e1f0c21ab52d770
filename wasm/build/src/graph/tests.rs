use super::*;

const OPTIONS: Options = Options {
    m: 8,
    ef_construction: 60,
    max_level: 5,
    seed: 42,
};

/// Rows of codes around a few centres.
fn draw_codes(num_rows: usize, width: usize, seed: u32) -> Vec<u8> {
    let mut state = seed;
    let mut draw = move |bound: u32| {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (state >> 8) % bound
    };
    let centres: Vec<u8> = (0..20 * width).map(|_| draw(200) as u8).collect();
    (0..num_rows)
        .flat_map(|_| {
            let centre = draw(20) as usize * width;
            let row: Vec<u8> = centres[centre..centre + width]
                .iter()
                .map(|&value| value + draw(55) as u8)
                .collect();
            row
        })
        .collect()
}

fn build<S: Space>(mut space: S, rows: &[u8], width: usize, sources: Vec<Source>) -> Build<S> {
    space.take_bytes(rows.len()).copy_from_slice(rows);
    let shape = (rows.len() / width, width);
    let mut build = Build::new(space, shape, sources, OPTIONS).unwrap();
    while !build.is_done() {
        build.step().unwrap();
    }
    build
}

fn build_codes(codes: &[u8], width: usize, sources: Vec<Source>) -> Build<CodesL2> {
    let space = CodesL2::new(codes.len() / width, width, 0.5).unwrap();
    build(space, codes, width, sources)
}

/// Lists of every level as (row, neighbours).
fn lists_of<S: Space>(build: &Build<S>) -> Vec<Vec<(u32, Vec<u32>)>> {
    (0..OPTIONS.max_level)
        .map(|level| {
            let level = build.level(level);
            let (num_rows, num_links) = (level.count_rows(), level.count_links());
            let (mut rows, mut counts) = (vec![0; num_rows], vec![0; num_rows]);
            let (mut neighbors, mut distances) = (vec![0; num_links], vec![0.0; num_links]);
            let links = (&mut neighbors[..], &mut distances[..]);
            level
                .write((&mut rows, &mut counts), links, |key| key as f32)
                .unwrap();
            let mut at = 0;
            let lists = rows.into_iter().zip(counts).map(|(row, count)| {
                at += count as usize;
                (row, neighbors[at - count as usize..at].to_vec())
            });
            lists.collect()
        })
        .collect()
}

/// The nearest 10 of each of some rows by a walk over level 0 alone, against all rows compared.
fn measure_recall<S: Space>(
    build: &Build<S>,
    num_rows: usize,
    distance: impl Fn(u32, u32) -> u64,
) -> f64 {
    let lists = &lists_of(build)[0];
    let mut hits = 0;
    let targets: Vec<u32> = (0..num_rows as u32).step_by(num_rows / 50).collect();
    for &target in &targets {
        let mut all: Vec<(u64, u32)> = (0..num_rows as u32)
            .map(|row| (distance(target, row), row))
            .collect();
        all.sort_unstable();
        let start = build.entry().unwrap();
        let mut found = vec![(distance(target, start), start)];
        let mut seen = vec![false; num_rows];
        seen[start as usize] = true;
        let mut expanded = vec![false; num_rows];
        while let Some(&(_, row)) = found.iter().find(|(_, row)| !expanded[*row as usize]) {
            expanded[row as usize] = true;
            for &next in &lists[row as usize].1 {
                if !core::mem::replace(&mut seen[next as usize], true) {
                    found.push((distance(target, next), next));
                }
            }
            found.sort_unstable();
            found.truncate(40);
        }
        hits += found[..10].iter().filter(|row| row.0 <= all[9].0).count();
    }
    hits as f64 / (10 * targets.len()) as f64
}

fn compare_codes(codes: &[u8], width: usize) -> impl Fn(u32, u32) -> u64 + '_ {
    move |a, b| {
        let row = |row: u32| &codes[row as usize * width..][..width];
        let pairs = row(a).iter().zip(row(b));
        pairs.map(|(&a, &b)| u64::from(a.abs_diff(b)).pow(2)).sum()
    }
}

fn leak(values: Vec<u32>) -> &'static [u32] {
    Box::leak(values.into_boxed_slice())
}

fn to_source<S: Space>(build: &Build<S>, map: Vec<u32>, num_new: usize) -> Source {
    let (mut nodes, mut offsets, mut neighbors, mut levels) = (vec![], vec![0], vec![], vec![0]);
    for lists in lists_of(build) {
        for (row, list) in lists {
            nodes.push(row);
            neighbors.extend(list);
            offsets.push(neighbors.len() as u32);
        }
        levels.push(nodes.len() as u32);
    }
    let parts = SourceParts {
        map: leak(map),
        nodes: leak(nodes),
        offsets: leak(offsets),
        neighbors: leak(neighbors),
        levels: leak(levels),
    };
    Source::new(parts, num_new).unwrap()
}

fn check_shape<S: Space>(build: &Build<S>, num_rows: usize) {
    let lists = lists_of(build);
    assert_eq!(lists[0].len(), num_rows);
    for (level, lists) in lists.iter().enumerate() {
        let rows: Vec<u32> = lists.iter().map(|(row, _)| *row).collect();
        assert!(rows.windows(2).all(|pair| pair[0] < pair[1]));
        for (row, list) in lists {
            assert!(list.len() <= if level == 0 { 3 * OPTIONS.m } else { OPTIONS.m });
            for neighbor in list {
                assert!(neighbor != row && rows.binary_search(neighbor).is_ok());
            }
            let mut distinct = list.clone();
            distinct.sort_unstable();
            distinct.dedup();
            assert_eq!(distinct.len(), list.len());
        }
    }
    let mut reached = vec![false; num_rows];
    let mut queue = vec![build.entry().unwrap()];
    reached[queue[0] as usize] = true;
    while let Some(row) = queue.pop() {
        for &next in &lists[0][row as usize].1 {
            if !core::mem::replace(&mut reached[next as usize], true) {
                queue.push(next);
            }
        }
    }
    assert!(reached.iter().all(|&reached| reached));
}

#[test]
fn finds_what_comparing_all_finds_and_is_the_same_again() {
    let (num_rows, width) = (1500, 24);
    let codes = draw_codes(num_rows, width, 7);
    let first = build_codes(&codes, width, vec![]);
    check_shape(&first, num_rows);
    assert!(measure_recall(&first, num_rows, compare_codes(&codes, width)) > 0.97);
    let again = build_codes(&codes, width, vec![]);
    assert_eq!(lists_of(&first), lists_of(&again));
    assert!(lists_of(&first)[1].len() > num_rows / 20);
}

#[test]
fn floats_and_bits_take_the_same_way() {
    let (num_rows, width) = (800, 16);
    let codes = draw_codes(num_rows, width, 3);
    let floats: Vec<f32> = codes.iter().map(|&code| f32::from(code)).collect();
    let bytes: Vec<u8> = floats
        .iter()
        .flat_map(|value| value.to_le_bytes())
        .collect();
    let l2 = build(
        Floats::new(num_rows, width, false).unwrap(),
        &bytes,
        4 * width,
        vec![],
    );
    let by_codes = build_codes(&codes, width, vec![]);
    // Sums of whole numbers below 2^24: floats are exact.
    assert_eq!(lists_of(&l2), lists_of(&by_codes));
    let bits = build(Bits::new(num_rows, width).unwrap(), &codes, width, vec![]);
    check_shape(&bits, num_rows);
    let hamming = |a: u32, b: u32| -> u64 {
        let row = |row: u32| &codes[row as usize * width..][..width];
        let pairs = row(a).iter().zip(row(b));
        pairs.map(|(a, b)| u64::from((a ^ b).count_ones())).sum()
    };
    assert!(measure_recall(&bits, num_rows, hamming) > 0.95);
    let dot = build(
        CodesDot::new(num_rows, width, -0.5, 0.01).unwrap(),
        &codes,
        width,
        vec![],
    );
    check_shape(&dot, num_rows);
}

#[test]
fn merges_graphs_as_good_as_new_for_fewer_comparisons() {
    let (num_rows, width) = (2000, 24);
    let codes = draw_codes(num_rows, width, 11);
    let fresh = build_codes(&codes, width, vec![]);
    let sources = [0..700, 700..1100, 1100..1900].map(|rows: core::ops::Range<usize>| {
        let part = build_codes(&codes[rows.start * width..rows.end * width], width, vec![]);
        to_source(
            &part,
            (rows.start as u32..rows.end as u32).collect(),
            num_rows,
        )
    });
    let merged = build_codes(&codes, width, sources.to_vec());
    check_shape(&merged, num_rows);
    let recall =
        |build: &Build<CodesL2>| measure_recall(build, num_rows, compare_codes(&codes, width));
    assert!(recall(&merged) > recall(&fresh) - 0.01);
    assert!(merged.comparisons() * 5 < 3 * fresh.comparisons());
}

#[test]
fn merges_evenly_spread_rows_with_more_effort() {
    let (num_rows, width) = (1500, 64);
    let merge = |codes: &[u8]| {
        let sources = [0..500, 500..1000, 1000..1500].map(|rows: core::ops::Range<usize>| {
            let part = build_codes(&codes[rows.start * width..rows.end * width], width, vec![]);
            let map = (rows.start as u32..rows.end as u32).collect();
            to_source(&part, map, num_rows)
        });
        build_codes(codes, width, sources.to_vec())
    };
    let factor = |build: &Build<CodesL2>| build.builder.effort.factor();
    assert_eq!(factor(&merge(&draw_codes(num_rows, width, 13))), 1.0);
    let mut state = 13u32;
    let spread: Vec<u8> = (0..num_rows * width)
        .map(|_| {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            (state >> 24) as u8
        })
        .collect();
    let merged = merge(&spread);
    check_shape(&merged, num_rows);
    assert!(factor(&merged) > 1.0);
}

#[test]
fn mends_the_places_of_dropped_rows() {
    let (num_rows, width) = (1500, 24);
    let codes = draw_codes(num_rows, width, 5);
    let whole = build_codes(&codes, width, vec![]);
    let mut kept = vec![];
    let map: Vec<u32> = (0..num_rows)
        .map(|row| {
            if row % 3 == 0 {
                return DROPPED;
            }
            kept.extend_from_slice(&codes[row * width..(row + 1) * width]);
            (kept.len() / width - 1) as u32
        })
        .collect();
    let num_kept = kept.len() / width;
    let left = build_codes(&kept, width, vec![to_source(&whole, map, num_kept)]);
    check_shape(&left, num_kept);
    assert!(measure_recall(&left, num_kept, compare_codes(&kept, width)) > 0.97);
    let gone = to_source(&whole, vec![DROPPED; num_rows], 0);
    assert!(build_codes(&[], width, vec![gone]).entry().is_none());
}

#[test]
fn equal_rows_are_all_reached() {
    let width = 8;
    let mut codes = vec![9; 900 * width];
    codes.extend(draw_codes(100, width, 2));
    let build = build_codes(&codes, width, vec![]);
    check_shape(&build, 1000);
    for num_rows in 0..4 {
        let build = build_codes(&codes[..num_rows * width], width, vec![]);
        assert_eq!(lists_of(&build)[0].len(), num_rows);
    }
}

#[test]
fn refuses_graphs_that_are_none() {
    let graph = |map: &[u32], nodes: &[u32], offsets: &[u32], neighbors: &[u32], levels: &[u32]| {
        Source::new(
            SourceParts {
                map: leak(map.to_vec()),
                nodes: leak(nodes.to_vec()),
                offsets: leak(offsets.to_vec()),
                neighbors: leak(neighbors.to_vec()),
                levels: leak(levels.to_vec()),
            },
            2,
        )
    };
    assert!(graph(&[0, 1], &[0, 1], &[0, 1, 2], &[1, 0], &[0, 2]).is_ok());
    for broken in [
        graph(&[0, 1], &[0, 1], &[0, 1, 2], &[1, 0], &[0]),
        graph(&[0, 1], &[0, 1], &[0, 1, 2], &[1, 0], &[0, 2, 1]),
        graph(&[0, 1], &[0, 1], &[0, 1, 2], &[1, 0], &[0, 3]),
        graph(&[0, 1], &[1, 0], &[0, 1, 2], &[1, 0], &[0, 2]),
        graph(&[0, 1], &[0, 1], &[0, 2, 1], &[1, 0], &[0, 2]),
        graph(&[0, 1], &[0, 1], &[0, 1, 9], &[1, 0], &[0, 2]),
        graph(&[0, 7], &[0, 1], &[0, 1, 2], &[1, 0], &[0, 2]),
        graph(&[0, 1], &[0, 1, 5], &[0, 1, 2, 2], &[1, 0], &[0, 2, 3]),
    ] {
        assert!(broken.is_err());
    }
    // A neighbour that is no row, or not on its level, is passed over.
    let wild = graph(
        &[0, 1],
        &[0, 1, 1],
        &[0, 2, 3, 4],
        &[77, 1, 0, 0],
        &[0, 2, 3],
    )
    .unwrap();
    let build = build_codes(&[1, 2], 1, vec![wild]);
    assert_eq!(lists_of(&build)[0], [(0, vec![1]), (1, vec![0])]);
    assert_eq!(lists_of(&build)[1], [(1, vec![])]);
}
