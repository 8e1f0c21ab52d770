use super::*;

/// Rows compared by a function.
struct By<F>(F);

impl<F: FnMut(u32) -> f32> Compare for By<F> {
    fn distance(&mut self, row: u32) -> f32 {
        self.0(row)
    }

    fn touch(&self, _row: u32) {}
}

/// Rows on a line, each linked with those up to 3 away; every 10th is on level 1 too, linked with the next ones there.
struct Line {
    nodes: Vec<u32>,
    offsets: Vec<u32>,
    neighbors: Vec<u32>,
    levels: Vec<u32>,
}

fn draw_line(num_rows: u32) -> Line {
    let mut line = Line {
        nodes: vec![],
        offsets: vec![0],
        neighbors: vec![],
        levels: vec![0],
    };
    for (step, reach) in [(1, 3), (10, 1)] {
        for row in (0..num_rows).step_by(step as usize) {
            line.nodes.push(row);
            for other in (row.saturating_sub(reach * step)..num_rows.min(row + reach * step + 1))
                .step_by(step as usize)
            {
                if other != row {
                    line.neighbors.push(other);
                }
            }
            line.offsets.push(line.neighbors.len() as u32);
        }
        line.levels.push(line.nodes.len() as u32);
    }
    // As native pads them.
    line.levels.push(line.nodes.len() as u32);
    line
}

impl Line {
    fn stored(&self, entry: u32) -> StoredGraph<'_> {
        StoredGraph {
            nodes: &self.nodes,
            offsets: &self.offsets,
            neighbors: &self.neighbors,
            levels: &self.levels,
            entry,
        }
    }
}

fn find(
    num_rows: u32,
    target: f32,
    ef: usize,
    mask: Option<&[u8]>,
    range: (f64, f64),
) -> (Vec<(f32, u64)>, usize) {
    let line = draw_line(num_rows);
    let graph = LoadedGraph::new(line.stored(0), num_rows as usize).unwrap();
    let row_ids: Vec<u64> = (0..u64::from(num_rows)).map(|id| id + 1000).collect();
    let mut best = BestK::new(5);
    let search = GraphSearch {
        graph: &graph,
        row_ids: &row_ids,
        ef,
        needed: 5,
        mask,
        range: Range::new(range.0, range.1),
        has_ties: target.fract() == 0.5,
    };
    let mut rows = By(|row: u32| (row as f32 - target).abs());
    let computed = search.run(&mut best, &mut rows).unwrap();
    (best.take_sorted(), computed)
}

const ALL: (f64, f64) = (f64::NAN, f64::NAN);

#[test]
fn walks_to_the_nearest() {
    for ef in [5, 20, 3000] {
        let (found, computed) = find(2000, 1234.25, ef, None, ALL);
        let expected = [
            (0.25, 2234),
            (0.75, 2235),
            (1.25, 2233),
            (1.75, 2236),
            (2.25, 2232),
        ];
        assert_eq!(found, expected);
        assert!(computed > 0 && (ef == 3000 || computed < 400));
    }
}

#[test]
fn walks_on_from_equal_rows() {
    let (found, computed) = find(2000, 1234.5, 20, None, ALL);
    assert_eq!(found[0], (0.5, 2234));
    assert_eq!(found[1], (0.5, 2235));
    assert!(computed < 400);
}

#[test]
fn walks_over_rows_that_are_not_wanted() {
    let num_rows = 600;
    let mask: Vec<u8> = (0..num_rows / 8).map(|_| 0b0000_0010).collect();
    let (found, _) = find(num_rows, 300.0, 5, Some(&mask), ALL);
    let rows: Vec<u64> = found.iter().map(|&(_, id)| id - 1000).collect();
    assert_eq!(rows, [297, 305, 289, 313, 281]);
    let (found, _) = find(num_rows, 300.0, 8, None, (10.0, 12.0));
    let rows: Vec<u64> = found.iter().map(|&(_, id)| id - 1000).collect();
    assert_eq!(rows, [290, 310, 289, 311]);
}

#[test]
fn offers_none_where_it_finds_too_few() {
    let mut mask = vec![0; 75];
    mask[10] = 0b0000_1110;
    assert_eq!(find(600, 300.0, 9, Some(&mask), ALL), (vec![], 0));
    assert_eq!(find(4, 1.0, 9, None, ALL), (vec![], 0));
}

#[test]
fn a_distance_that_is_no_number_is_not_offered() {
    let line = draw_line(50);
    let graph = LoadedGraph::new(line.stored(3), 50).unwrap();
    let mut best = BestK::new(50);
    let row_ids: Vec<u64> = (0..50).collect();
    for mask in [None, Some(&[255u8; 7][..])] {
        let search = GraphSearch {
            graph: &graph,
            row_ids: &row_ids,
            ef: 60,
            needed: 1,
            mask,
            range: Range::new(f64::NAN, f64::NAN),
            has_ties: false,
        };
        let distance = |row: u32| if row & 1 == 0 { f32::NAN } else { row as f32 };
        assert!(search.run(&mut best, &mut By(distance)).unwrap() > 0);
        let found = best.take_sorted();
        assert_eq!(found.len(), 25);
        assert_eq!(found[0], (1.0, 1));
    }
}

#[test]
fn refuses_graphs_that_are_none_and_passes_over_wild_neighbours() {
    let broken: [fn(&mut Line); 7] = [
        |line| line.levels[1] -= 1,
        |line| line.levels.truncate(1),
        |line| line.levels[2] += 1,
        |line| line.offsets[4] = u32::MAX,
        |line| line.offsets.truncate(9),
        |line| line.nodes[2] = 3,
        |line| line.nodes[102] = 100,
    ];
    for damage in broken {
        let mut line = draw_line(100);
        damage(&mut line);
        assert!(LoadedGraph::new(line.stored(0), 100).is_err());
    }
    let mut line = draw_line(100);
    assert!(LoadedGraph::new(line.stored(100), 100).is_err());
    assert!(LoadedGraph::new(line.stored(0), 99).is_err());
    line.neighbors[0] = 100;
    line.neighbors[1] = u32::MAX;
    let last = line.neighbors.len() - 1;
    line.neighbors[last] = 7;
    let graph = LoadedGraph::new(line.stored(0), 100).unwrap();
    assert_eq!(graph.base.of(0), [3]);
    let top = &graph.upper[0];
    assert_eq!(top.rows.len(), 10);
    assert_eq!(top.lists.of(1), [0, 2]);
    assert!(top.lists.of(9).is_empty());
    assert_eq!(graph.byte_length() % 4, 0);
}
