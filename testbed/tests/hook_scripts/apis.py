"""Answers as the documents of the OVH API and of Hetzner Robot say, for one address each.

Says its port first, then each request on a line: method, path, body. Nobody is told who is not authorised.
"""

import base64
import hashlib
import http.server
import json
import sys
import time
import urllib.parse

OVH = {"key": "app-key", "secret": "app-secret", "consumer": "consumer-key"}
ROBOT = "robot:robot-password"
routes = {"ovh": "ns2.example.net", "robot": "192.0.2.20"}


class Apis(http.server.BaseHTTPRequestHandler):
    def answer(self, status, document):
        body = json.dumps(document).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def signature_is_good(self, body):
        stamp = self.headers.get("X-Ovh-Timestamp", "0")
        url = f"http://{self.headers['Host']}{self.path}"
        text = "+".join([OVH["secret"], OVH["consumer"], self.command, url, body, stamp])
        wanted = "$1$" + hashlib.sha1(text.encode()).hexdigest()
        names = ["X-Ovh-Application", "X-Ovh-Consumer", "X-Ovh-Signature"]
        told = [self.headers.get(name) for name in names]
        return abs(time.time() - int(stamp)) < 60 and told == [OVH["key"], OVH["consumer"], wanted]

    def ovh(self, body):
        if not self.signature_is_good(body):
            return self.answer(403, {"message": "Invalid signature", "errorCode": "INVALID_SIGNATURE"})
        block = urllib.parse.unquote(self.path.split("/")[3])
        if block != "203.0.113.100/32":
            return self.answer(404, {"message": "This service does not exist"})
        if self.command == "GET":
            return self.answer(200, {"ip": block, "routedTo": {"serviceName": routes["ovh"]}, "type": "failover"})
        to = json.loads(body)["to"]
        if to == routes["ovh"]:
            return self.answer(400, {"message": "IP already routed to this service"})
        routes["ovh"] = to
        self.answer(200, {"taskId": 1, "function": "genericMoveFloatingIp", "status": "init", "comment": None})

    def robot(self, body):
        def refuse(status, code, message):
            self.answer(status, {"error": {"status": status, "code": code, "message": message}})

        if self.headers.get("Authorization") != "Basic " + base64.b64encode(ROBOT.encode()).decode():
            return refuse(401, "UNAUTHORIZED", "Unauthorized")
        if self.path != "/failover/203.0.113.100":
            return refuse(404, "NOT_FOUND", "The failover IP address does not exist")
        to = urllib.parse.parse_qs(body)["active_server_ip"][0]
        if to == routes["robot"]:
            return refuse(409, "FAILOVER_ALREADY_ROUTED", "The failover IP is already routed to this server")
        if to == "192.0.2.99":
            return refuse(409, "FAILOVER_LOCKED", "Switching failover was already requested recently")
        routes["robot"] = to
        self.answer(200, {"failover": {"ip": "203.0.113.100", "active_server_ip": to}})

    def handle_one(self):
        body = self.rfile.read(int(self.headers.get("Content-Length", 0))).decode()
        print(f"{self.command} {self.path} {body}".strip(), flush=True)
        self.ovh(body) if self.path.startswith("/1.0/") else self.robot(body)

    do_GET = do_POST = handle_one

    def log_message(self, *_):
        pass


server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Apis)
print(server.server_address[1], flush=True)
sys.stdin.close()
server.serve_forever()
