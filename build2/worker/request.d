build2/worker/request.o: worker/request.c worker/request.h \
 schemas/envelope.h schemas/schema.h schemas/err.h schemas/base.h \
 schemas/limits.h schemas/uuid.h schemas/writer.h worker/life.h bus/bus.h \
 bus/tls.h bus/url.h handlers/lease.h handlers/work.h handlers/ledger.h \
 handlers/mark.h schemas/digest.h schemas/messages.h handlers/pins.h \
 schemas/host_event.h schemas/seal.h schemas/hpke.h schemas/vault.h \
 handlers/restore.h worker/recorder.h worker/trust.h worker/senders.h \
 worker/log.h worker/config.h
worker/request.h:
schemas/envelope.h:
schemas/schema.h:
schemas/err.h:
schemas/base.h:
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
worker/log.h:
worker/config.h:
