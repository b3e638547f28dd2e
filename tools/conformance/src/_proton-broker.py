"""A broker on Apache Qpid Proton's engine: that project's own example broker, which keeps queues and hands messages out,
with what it leaves out: what was not accepted goes back to the front of its queue, with the count of failed deliveries, and
what was rejected goes to `{queue}_dl`.

  /usr/bin/python3 _proton-broker.py PATH-OF-THE-EXAMPLE PORT
"""

import importlib.util
import sys

from proton import Data, Delivery, Endpoint
from proton.reactor import Container

spec = importlib.util.spec_from_file_location("example_broker", sys.argv[1])
example = importlib.util.module_from_spec(spec)
spec.loader.exec_module(example)


class Queue(example.Queue):
    """Remembers which message went out as which delivery."""

    def __init__(self, broker):
        super().__init__()
        self.broker = broker

    def publish(self, message):
        message.first_acquirer = True
        super().publish(message)

    def _deliver_to(self, consumers):
        sent = False
        for consumer in consumers:
            if consumer.credit and self.queue:
                message = self.queue.popleft()
                self.broker.sent[id_of(consumer.send(message))] = (self, message)
                sent = True
        return sent


def id_of(delivery):
    # Names of links are unique: clients make them at random.
    return (delivery.link.name, delivery.tag)


class Broker(example.Broker):
    def __init__(self, url):
        super().__init__(url)
        self.sent = {}

    def _queue(self, address):
        if address not in self.queues:
            self.queues[address] = Queue(self)
        return self.queues[address]

    def on_link_opening(self, event):
        super().on_link_opening(event)
        if event.link.is_sender:
            outcomes = event.link.source.outcomes
            outcomes.put_array(False, Data.SYMBOL)
            outcomes.enter()
            for name in ("accepted", "rejected", "released", "modified"):
                outcomes.put_symbol(f"amqp:{name}:list")
            outcomes.exit()

    def _unsubscribe(self, link):
        # A queue stays, also an empty one that nobody reads.
        if link.source.address in self.queues:
            queue = self.queues[link.source.address]
            queue.consumers = [c for c in queue.consumers if c.name != link.name]

    def on_settled(self, event):
        delivery = event.delivery
        queue, message = self.sent.pop(id_of(delivery), (None, None))
        if queue is None or delivery.remote_state == Delivery.ACCEPTED:
            return
        if delivery.remote_state == Delivery.REJECTED:
            self._queue(event.link.source.address + "_dl").publish(message)
            return
        if delivery.remote_state == Delivery.MODIFIED and delivery.remote.failed:
            message.delivery_count += 1
        self._back([(queue, message)])

    def _back(self, items):
        for queue, message in reversed(items):
            message.first_acquirer = False
            queue.queue.appendleft(message)
        for queue, _ in items:
            queue.dispatch()

    def _gone(self, links):
        for link in links:
            self._unsubscribe(link)
        names = {link.name for link in links}
        self._back([self.sent.pop(key) for key in list(self.sent) if key[0] in names])

    def on_link_closing(self, event):
        if event.link.is_sender:
            self._gone([event.link])

    def on_sendable(self, event):
        # An end and credit may come in one read: what has ended is no reader any more.
        if not event.link.session.state & Endpoint.REMOTE_CLOSED:
            super().on_sendable(event)

    def on_session_closing(self, event):
        self._gone([l for l in senders(event.connection) if l.session.state & Endpoint.REMOTE_CLOSED])

    def remove_stale_consumers(self, connection):
        self._gone(senders(connection))


def senders(connection):
    links = []
    link = connection.link_head(0)
    while link:
        if link.is_sender:
            links.append(link)
        link = link.next(0)
    return links


Container(Broker("127.0.0.1:" + sys.argv[2])).run()
