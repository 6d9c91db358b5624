build2/worker/hypervisors.o: worker/hypervisors.c worker/hypervisors.h \
 handlers/hv.h schemas/err.h schemas/base.h schemas/schema.h \
 schemas/limits.h schemas/uuid.h schemas/writer.h worker/config.h \
 worker/trust.h bus/bus.h bus/tls.h bus/url.h handlers/ledger.h \
 handlers/mark.h schemas/digest.h schemas/messages.h handlers/pins.h \
 schemas/envelope.h worker/senders.h handlers/work.h schemas/host_event.h \
 schemas/seal.h schemas/hpke.h schemas/vault.h worker/wakeup.h
worker/hypervisors.h:
handlers/hv.h:
schemas/err.h:
schemas/base.h:
schemas/schema.h:
schemas/limits.h:
schemas/uuid.h:
schemas/writer.h:
worker/config.h:
worker/trust.h:
bus/bus.h:
bus/tls.h:
bus/url.h:
handlers/ledger.h:
handlers/mark.h:
schemas/digest.h:
schemas/messages.h:
handlers/pins.h:
schemas/envelope.h:
worker/senders.h:
handlers/work.h:
schemas/host_event.h:
schemas/seal.h:
schemas/hpke.h:
schemas/vault.h:
worker/wakeup.h:
