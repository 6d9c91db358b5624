build2/worker/trust.o: worker/trust.c worker/trust.h bus/bus.h bus/tls.h \
 bus/url.h schemas/err.h schemas/base.h schemas/limits.h \
 handlers/ledger.h handlers/mark.h schemas/digest.h schemas/schema.h \
 schemas/uuid.h schemas/writer.h schemas/messages.h handlers/pins.h \
 schemas/envelope.h worker/senders.h handlers/work.h schemas/host_event.h \
 schemas/seal.h schemas/hpke.h schemas/vault.h schemas/base64.h \
 schemas/signature.h worker/config_line.h
worker/trust.h:
bus/bus.h:
bus/tls.h:
bus/url.h:
schemas/err.h:
schemas/base.h:
schemas/limits.h:
handlers/ledger.h:
handlers/mark.h:
schemas/digest.h:
schemas/schema.h:
schemas/uuid.h:
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
schemas/base64.h:
schemas/signature.h:
worker/config_line.h:
