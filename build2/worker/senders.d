build2/worker/senders.o: worker/senders.c worker/senders.h \
 handlers/work.h handlers/ledger.h handlers/mark.h schemas/digest.h \
 schemas/err.h schemas/base.h schemas/schema.h schemas/limits.h \
 schemas/uuid.h schemas/writer.h schemas/messages.h handlers/pins.h \
 schemas/host_event.h schemas/seal.h schemas/hpke.h schemas/vault.h \
 schemas/headers.h worker/config_line.h
worker/senders.h:
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
schemas/headers.h:
worker/config_line.h:
