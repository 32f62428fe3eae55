"""A caller of grpcio, which is C-core: subscribes to Geyser in bytes, and asks for a slot.

Arguments: address, token, the SubscribeRequest in hexadecimal, how many updates to wait for.
Prints the answer to GetSlot, then each update, in hexadecimal, one to a line.
"""

import queue
import sys

import grpc

address, token, request, count = sys.argv[1:5]
metadata = (("x-token", token), ("x-monitor", "python"))
channel = grpc.insecure_channel(address)

get_slot = channel.unary_unary("/geyser.Geyser/GetSlot")
print(get_slot(b"", metadata=metadata, timeout=10).hex(), flush=True)

requests = queue.Queue()
requests.put(bytes.fromhex(request))
subscribe = channel.stream_stream("/geyser.Geyser/Subscribe")
updates = subscribe(iter(requests.get, None), metadata=metadata)
for number, update in enumerate(updates, 1):
    print(update.hex(), flush=True)
    if number == int(count):
        break
updates.cancel()
channel.close()
