build2/worker/setup.o: worker/setup.c worker/key_file.h schemas/digest.h \
 schemas/err.h schemas/base.h schemas/schema.h schemas/limits.h \
 schemas/uuid.h schemas/writer.h worker/log.h worker/config.h \
 worker/trust.h bus/bus.h bus/tls.h bus/url.h handlers/ledger.h \
 handlers/mark.h schemas/messages.h handlers/pins.h schemas/envelope.h \
 worker/senders.h handlers/work.h schemas/host_event.h schemas/seal.h \
 schemas/hpke.h schemas/vault.h worker/worker_parts.h \
 handlers/host_keys.h worker/events.h worker/life.h handlers/lease.h \
 handlers/restore.h worker/recorder.h worker/http.h worker/hypervisors.h \
 handlers/hv.h worker/jobs.h worker/leases.h worker/recovery.h \
 worker/serving.h worker/tenure.h worker/watchdog.h worker/worker.h
worker/key_file.h:
schemas/digest.h:
schemas/err.h:
schemas/base.h:
schemas/schema.h:
schemas/limits.h:
schemas/uuid.h:
schemas/writer.h:
worker/log.h:
worker/config.h:
worker/trust.h:
bus/bus.h:
bus/tls.h:
bus/url.h:
handlers/ledger.h:
handlers/mark.h:
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
