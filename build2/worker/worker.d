build2/worker/worker.o: worker/worker.c schemas/harden.h schemas/base.h \
 worker/log.h worker/config.h schemas/err.h schemas/uuid.h \
 schemas/limits.h worker/trust.h bus/bus.h bus/tls.h bus/url.h \
 handlers/ledger.h handlers/mark.h schemas/digest.h schemas/schema.h \
 schemas/writer.h schemas/messages.h handlers/pins.h schemas/envelope.h \
 worker/senders.h handlers/work.h schemas/host_event.h schemas/seal.h \
 schemas/hpke.h schemas/vault.h worker/worker_parts.h \
 handlers/host_keys.h worker/events.h worker/life.h handlers/lease.h \
 handlers/restore.h worker/recorder.h worker/http.h worker/hypervisors.h \
 handlers/hv.h worker/jobs.h worker/leases.h worker/recovery.h \
 worker/serving.h worker/tenure.h worker/watchdog.h worker/worker.h
schemas/harden.h:
schemas/base.h:
worker/log.h:
worker/config.h:
schemas/err.h:
schemas/uuid.h:
schemas/limits.h:
worker/trust.h:
bus/bus.h:
bus/tls.h:
bus/url.h:
handlers/ledger.h:
handlers/mark.h:
schemas/digest.h:
schemas/schema.h:
schemas/writer.h:
schemas/messages.h:
handlers/pins.h:
schemas/envelope.h:
worker/senders.h:
handlers/work.h:
schemas/host_event.h:
schemas/seal.h:
schemas/hpke.h:
schemas/vault.h:
worker/worker_parts.h:
handlers/host_keys.h:
worker/events.h:
worker/life.h:
handlers/lease.h:
handlers/restore.h:
worker/recorder.h:
worker/http.h:
worker/hypervisors.h:
handlers/hv.h:
worker/jobs.h:
worker/leases.h:
worker/recovery.h:
worker/serving.h:
worker/tenure.h:
worker/watchdog.h:
worker/worker.h:
