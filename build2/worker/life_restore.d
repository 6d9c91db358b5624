build2/worker/life_restore.o: worker/life_restore.c handlers/handlers.h \
 worker/life_parts.h worker/lanes.h worker/map.h schemas/base.h \
 worker/request.h schemas/envelope.h schemas/schema.h schemas/err.h \
 schemas/limits.h schemas/uuid.h schemas/writer.h worker/life.h bus/bus.h \
 bus/tls.h bus/url.h handlers/lease.h handlers/work.h handlers/ledger.h \
 handlers/mark.h schemas/digest.h schemas/messages.h handlers/pins.h \
 schemas/host_event.h schemas/seal.h schemas/hpke.h schemas/vault.h \
 handlers/restore.h worker/recorder.h worker/trust.h worker/senders.h
handlers/handlers.h:
worker/life_parts.h:
worker/lanes.h:
worker/map.h:
schemas/base.h:
worker/request.h:
schemas/envelope.h:
schemas/schema.h:
schemas/err.h:
schemas/limits.h:
schemas/uuid.h:
schemas/writer.h:
worker/life.h:
bus/bus.h:
bus/tls.h:
bus/url.h:
handlers/lease.h:
handlers/work.h:
handlers/ledger.h:
handlers/mark.h:
schemas/digest.h:
schemas/messages.h:
handlers/pins.h:
schemas/host_event.h:
schemas/seal.h:
schemas/hpke.h:
schemas/vault.h:
handlers/restore.h:
worker/recorder.h:
worker/trust.h:
worker/senders.h:
