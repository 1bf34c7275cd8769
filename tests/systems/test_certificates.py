"""A client that trusts the certificate gets through; one that does not, does not."""

import os
import socket
import ssl
import threading

import pytest

from mlprod.systems.certificates import self_signed


def greet(listener, context):
    connection, _ = listener.accept()
    try:
        with context.wrap_socket(connection, server_side=True) as secure:
            secure.sendall(b"hello")
    except OSError:
        connection.close()


@pytest.mark.parametrize("trusts", [True, False])
def test_the_certificate_is_good_for_those_who_trust_it(tmp_path, trusts):
    certificate, key = self_signed(tmp_path)
    assert os.stat(key).st_mode & 0o077 == 0
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server.load_cert_chain(certificate, key)
    client = ssl.create_default_context(cafile=certificate if trusts else None)
    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=greet, args=(listener, server), daemon=True)
        thread.start()
        with socket.create_connection(listener.getsockname(), timeout=5) as plain:
            if trusts:
                with client.wrap_socket(plain, server_hostname="127.0.0.1") as secure:
                    assert secure.recv(5) == b"hello"
            else:
                with pytest.raises(ssl.SSLCertVerificationError):
                    client.wrap_socket(plain, server_hostname="127.0.0.1")
        thread.join(5)
