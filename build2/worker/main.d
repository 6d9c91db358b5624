build2/worker/main.o: worker/main.c schemas/harden.h schemas/base.h \
 schemas/version.h worker/worker.h worker/config.h schemas/err.h \
 schemas/uuid.h schemas/limits.h worker/trust.h bus/bus.h bus/tls.h \
 bus/url.h handlers/ledger.h handlers/mark.h schemas/digest.h \
 schemas/schema.h schemas/writer.h schemas/messages.h handlers/pins.h \
 schemas/envelope.h worker/senders.h handlers/work.h schemas/host_event.h \
 schemas/seal.h schemas/hpke.h schemas/vault.h
schemas/harden.h:
schemas/base.h:
schemas/version.h:
worker/worker.h:
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
