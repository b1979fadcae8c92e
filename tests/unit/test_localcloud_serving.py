"""Servers that end at once when they are asked to."""

import socket
import socketserver
import threading

from localcloud.serving import PromptServer


class Echo(socketserver.BaseRequestHandler):
    """Sends back what it gets first."""

    def handle(self) -> None:
        self.request.sendall(self.request.recv(100))


def test_a_server_answers_ends_at_once_and_may_be_ended_again():
    server = PromptServer(("127.0.0.1", 0), Echo)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    with socket.create_connection(server.server_address) as connection:
        connection.sendall(b"hello")
        assert connection.recv(100) == b"hello"
    server.shutdown()
    thread.join(60)
    assert not thread.is_alive()
    server.server_close()
    server.shutdown()
    server.server_close()
