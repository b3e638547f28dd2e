#!/usr/bin/env bash
# Makes sure that RabbitMQ (with its AMQP 1.0 plugin) and PostgreSQL answer on the loopback address: uses what runs, starts
# what is installed, installs Debian's packages where there is nothing. Fails loudly when a service cannot be had.
set -euo pipefail
answers() { (exec 3<>"/dev/tcp/127.0.0.1/$1") 2>/dev/null; }
wait_for() { for _ in $(seq 60); do answers "$1" && return 0; sleep 1; done; return 1; }

if ! answers 5672; then
  command -v rabbitmq-server >/dev/null || { apt-get update -qq && apt-get install -y -qq rabbitmq-server; }
  answers 5672 || rabbitmq-server -detached
  wait_for 5672 || { echo "expected RabbitMQ on 127.0.0.1:5672: it did not start"; exit 1; }
fi
rabbitmqctl await_startup --timeout 60 >/dev/null
rabbitmq-plugins enable rabbitmq_amqp1_0 >/dev/null

if ! answers 5432; then
  [ -d /etc/postgresql ] || { apt-get update -qq && apt-get install -y -qq postgresql; }
  answers 5432 || pg_ctlcluster --skip-systemctl-redirect "$(ls /etc/postgresql | tail -1)" main start
  wait_for 5432 || { echo "expected PostgreSQL on 127.0.0.1:5432: it did not start"; exit 1; }
fi
echo "RabbitMQ $(rabbitmqctl version | tail -1) with amqp1_0, PostgreSQL: answering"
