"""Reads the flows of bridges with os-ken, and sends them back when it is told to: each as a flow mod, then a barrier.

The parser and the serialiser of os-ken do the work; its event loop is left out, so that this is the least it can take.
It does not know some Nicira actions: the few flows of a bridge that have them are left out.
"""
import socket
import struct
import sys
import time

from os_ken.ofproto import ofproto_protocol
from os_ken.ofproto import ofproto_v1_3 as ofproto
from os_ken.ofproto import ofproto_v1_3_parser as parser


class Bridge:
    """A connection to a bridge. Who is silent for long is cut off: there is a new one for each task."""

    def __init__(self, path):
        self.protocol = ofproto_protocol.ProtocolDesc(version=ofproto.OFP_VERSION)
        self.socket = socket.socket(socket.AF_UNIX)
        self.socket.connect(path)
        self.buffer = bytearray()
        self.xid = 0
        self.send(parser.OFPHello(self.protocol))
        self.receive()

    def send(self, message):
        self.xid += 1
        message.set_xid(self.xid)
        message.serialize()
        self.socket.sendall(message.buf)

    def receive(self):
        """The next message: its type, and all of it."""
        while True:
            if len(self.buffer) >= HEADER:
                _, kind, length, _ = struct.unpack_from("!BBHI", self.buffer)
                if len(self.buffer) >= length:
                    frame = bytes(self.buffer[:length])
                    del self.buffer[:length]
                    return kind, frame
            chunk = self.socket.recv(1 << 20)
            if not chunk:
                sys.exit("the switch hung up")
            self.buffer += chunk

    def dump(self):
        self.send(parser.OFPFlowStatsRequest(self.protocol))
        flows, unknown = [], 0
        while True:
            kind, frame = self.receive()
            if kind != ofproto.OFPT_MULTIPART_REPLY:
                continue
            offset = ofproto.OFP_MULTIPART_REPLY_SIZE
            while offset < len(frame):
                (length,) = struct.unpack_from("!H", frame, offset)
                try:
                    flows.append(parser.OFPFlowStats.parser(frame, offset))
                except AttributeError:
                    unknown += 1
                offset += length
            if not struct.unpack_from("!H", frame, HEADER + 2)[0] & ofproto.OFPMPF_REPLY_MORE:
                if unknown > len(flows):
                    sys.exit(f"os-ken cannot read {unknown} flows, and can read {len(flows)}")
                return flows

    def program(self, flows):
        for flow in flows:
            self.send(parser.OFPFlowMod(
                self.protocol, cookie=flow.cookie, table_id=flow.table_id, priority=flow.priority,
                match=flow.match, instructions=flow.instructions))
        self.send(parser.OFPBarrierRequest(self.protocol))
        while True:
            kind, frame = self.receive()
            if kind == ofproto.OFPT_ERROR:
                sys.exit(f"the switch refused a flow mod: {frame.hex()}")
            if kind == ofproto.OFPT_BARRIER_REPLY:
                return


HEADER = 8
flows = {path: Bridge(path).dump() for path in sys.argv[1:]}
print("ready", flush=True)
for _ in sys.stdin:
    bridges = {path: Bridge(path) for path in flows}
    start = time.monotonic()
    for path, bridge in bridges.items():
        bridge.program(flows[path])
    print(time.monotonic() - start, flush=True)
