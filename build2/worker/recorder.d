build2/worker/recorder.o: worker/recorder.c worker/recorder.h \
 handlers/ledger.h handlers/mark.h schemas/digest.h schemas/err.h \
 schemas/base.h schemas/schema.h schemas/limits.h schemas/uuid.h \
 schemas/writer.h schemas/messages.h handlers/work.h handlers/pins.h \
 schemas/host_event.h schemas/seal.h schemas/hpke.h schemas/vault.h \
 bus/timer.h worker/clock.h worker/trust.h bus/bus.h bus/tls.h bus/url.h \
 schemas/envelope.h worker/senders.h worker/wakeup.h
worker/recorder.h:
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
handlers/work.h:
handlers/pins.h:
schemas/host_event.h:
schemas/seal.h:
schemas/hpke.h:
schemas/vault.h:
bus/timer.h:
worker/clock.h:
worker/trust.h:
bus/bus.h:
bus/tls.h:
bus/url.h:
schemas/envelope.h:
worker/senders.h:
worker/wakeup.h:
