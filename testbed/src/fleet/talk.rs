//! What a switch says of its own accord: so many messages at once, and one more for each answer.

use std::collections::VecDeque;

use buoy_flows::openflow::Message;
use bytes::{Bytes, BytesMut};

/// A talk with the daemon; an empty one is over.
#[derive(Debug, Default)]
pub struct Talk {
    /// What is said, one after the other, and then from the first again.
    words: VecDeque<Bytes>,
    unsaid: usize,
    unanswered: usize,
}

impl Talk {
    /// A talk in which so many answers are to come, each to the next of these words.
    pub fn new(words: impl IntoIterator<Item = Bytes>, count: usize) -> Self {
        Self { words: words.into_iter().collect(), unsaid: count, unanswered: count }
    }

    /// Whether all answers have come.
    pub fn is_over(&self) -> bool {
        self.unanswered == 0
    }

    /// What is said first.
    pub(super) fn begin(&mut self, out: &mut BytesMut) {
        (0..AT_ONCE).for_each(|_| self.say(out));
    }

    /// Takes a message of the daemon's: an answer is a packet of IPv4, or an echo. What it asks by ARP of its own is none.
    pub(super) fn hear(&mut self, message: &Message, out: &mut BytesMut) {
        let is_answer = match message {
            Message::PacketOut(packet) => packet.frame.get(12..14) == Some(&[0x08, 0x00]),
            Message::EchoReply(_) => true,
            _ => false,
        };
        if is_answer && !self.is_over() {
            self.unanswered -= 1;
            self.say(out);
        }
    }

    fn say(&mut self, out: &mut BytesMut) {
        if let Some(word) = self.words.front().filter(|_| self.unsaid > 0) {
            out.extend_from_slice(word);
            self.unsaid -= 1;
            self.words.rotate_left(1);
        }
    }
}

/// Fewer than the daemon keeps for a switch that is slow to read: none of its answers is lost.
const AT_ONCE: usize = 16;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_answer_is_followed_by_the_next_word() {
        let word = |letter: &'static str| Bytes::from_static(letter.as_bytes());
        let mut talk = Talk::new([word("a"), word("b"), word("c")], 18);
        let mut out = BytesMut::new();
        talk.begin(&mut out);
        assert_eq!(out, "abcabcabcabcabca");
        talk.hear(&Message::BarrierReply, &mut out);
        assert_eq!(out.len(), 16);
        for said in [17, 18, 18] {
            talk.hear(&Message::EchoReply(Bytes::new()), &mut out);
            assert_eq!((out.len(), talk.is_over()), (said, false));
        }
        (0..15).for_each(|_| talk.hear(&Message::EchoReply(Bytes::new()), &mut out));
        assert!(talk.is_over() && out.ends_with(b"abc"), "{out:?}");
    }
}
