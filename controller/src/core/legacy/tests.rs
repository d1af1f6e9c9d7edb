use super::*;

const ASKER: MacAddr = MacAddr::new([2, 0, 0, 0, 0, 0x50]);
const OURS: MacAddr = MacAddr::new([2, 0, 0, 0, 0, 1]);

fn question() -> Vec<u8> {
    let (own, unknown) = (ASKER.octets(), [0; 6]);
    let kind = (ArpHardwareId::ETHERNET, EtherType::IPV4, ArpOperation::REQUEST);
    let body = ArpPacket::new(kind.0, kind.1, kind.2, &own, &[203, 0, 113, 50], &unknown, &[203, 0, 113, 100]);
    let mut frame = Vec::new();
    PacketBuilder::ethernet2(own, [0xff; 6]).arp(body.unwrap()).write(&mut frame).unwrap();
    frame
}

#[test]
fn an_answer_goes_back_to_the_asker_with_the_address_asked_for() {
    let asked = Arp::of(&question()).unwrap();
    assert_eq!((asked.mac, asked.sender, asked.target), (ASKER, [203, 0, 113, 50].into(), [203, 0, 113, 100].into()));
    let answer = asked.answer(OURS).unwrap();
    assert_eq!(answer.get(..12), Some(&[ASKER.octets(), OURS.octets()].concat()[..]));
    let told = Arp::of(&answer).unwrap();
    let expected = (ArpOperation::REPLY, OURS, asked.target, asked.sender);
    assert_eq!((told.operation, told.mac, told.sender, told.target), expected);
    assert_eq!(told.answer(OURS), None, "an answer is no question");
}

#[test]
fn a_forged_or_broken_question_is_none() {
    let mut forged = question();
    forged[6] ^= 4;
    assert_eq!(Arp::of(&forged), None);
    for len in 0..42 {
        assert_eq!(Arp::of(&question()[..len]), None, "{len}");
    }
}

#[test]
fn a_renamed_frame_has_the_new_mac_in_both_places() {
    let renamed = with_source(&question(), OURS).and_then(|frame| with_arp_sender(&frame, OURS)).unwrap();
    assert_eq!(Arp::of(&renamed).map(|arp| arp.mac), Some(OURS));
    assert_eq!(with_arp_sender(&question()[..27], OURS), None);
}

#[test]
fn a_tag_tells_the_vlan() {
    let mut frame = question();
    assert_eq!(vlan(&frame), None);
    frame.splice(12..12, [0x81, 0x00, 0xe0, 0x2a]);
    assert_eq!(vlan(&frame), VlanId::try_from(42).ok());
    assert_eq!(Arp::of(&frame).map(|arp| arp.target), Some([203, 0, 113, 100].into()));
    assert_eq!(vlan(&frame[..15]), None);
}
