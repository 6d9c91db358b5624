build2/worker/jobs.o: worker/jobs.c worker/jobs.h handlers/work.h \
 handlers/ledger.h handlers/mark.h schemas/digest.h schemas/err.h \
 schemas/base.h schemas/schema.h schemas/limits.h schemas/uuid.h \
 schemas/writer.h schemas/messages.h handlers/pins.h schemas/host_event.h \
 schemas/seal.h schemas/hpke.h schemas/vault.h schemas/harden.h \
 worker/clock.h worker/wakeup.h
worker/jobs.h:
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
schemas/harden.h:
worker/clock.h:
worker/wakeup.h:
