pub struct Encoder;
impl Encoder {
    pub fn new() -> Self {
        Self
    }
    pub fn compress(&mut self, data: &[u8], out: &mut Vec<u8>) {
        out.extend_from_slice(&0xFD2F_B528u32.to_le_bytes());
        out.push(0b1010_0000);
        out.extend_from_slice(&(data.len() as u32).to_le_bytes());
        let mut chunks = data.chunks(100_000).peekable();
        if chunks.peek().is_none() {
            out.extend_from_slice(&[1, 0, 0]);
        }
        while let Some(c) = chunks.next() {
            let h = (c.len() as u32) << 3 | u32::from(chunks.peek().is_none());
            out.extend_from_slice(&h.to_le_bytes()[..3]);
            out.extend_from_slice(c);
        }
    }
}
