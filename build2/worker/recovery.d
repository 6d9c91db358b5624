build2/worker/recovery.o: worker/recovery.c worker/recovery.h \
 handlers/restore.h handlers/work.h handlers/ledger.h handlers/mark.h \
 schemas/digest.h schemas/err.h schemas/base.h schemas/schema.h \
 schemas/limits.h schemas/uuid.h schemas/writer.h schemas/messages.h \
 handlers/pins.h schemas/host_event.h schemas/seal.h schemas/hpke.h \
 schemas/vault.h handlers/hv.h handlers/kept.h handlers/secret.h \
 worker/log.h worker/config.h worker/trust.h bus/bus.h bus/tls.h \
 bus/url.h schemas/envelope.h worker/senders.h worker/wakeup.h
worker/recovery.h:
handlers/restore.h:
handlers/work.h:
handlers/ledger.h:
handlers/mark.h:
schemas/digest.h:
schemas/err.h:
schemas/base.h:
schemas/schema.h:
schemas/limits.h:
schemas/uuid.h:
schemas/writer.h:
schemas/messages.h:
handlers/pins.h:
schemas/host_event.h:
schemas/seal.h:
schemas/hpke.h:
schemas/vault.h:
handlers/hv.h:
handlers/kept.h:
handlers/secret.h:
worker/log.h:
worker/config.h:
worker/trust.h:
bus/bus.h:
bus/tls.h:
bus/url.h:
schemas/envelope.h:
worker/senders.h:
worker/wakeup.h:
