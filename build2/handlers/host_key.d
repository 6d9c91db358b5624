build2/handlers/host_key.o: handlers/host_key.c handlers/handlers.h \
 handlers/host_keys.h schemas/seal.h schemas/err.h schemas/base.h \
 schemas/hpke.h schemas/messages.h schemas/schema.h schemas/limits.h \
 schemas/uuid.h schemas/writer.h schemas/vault.h handlers/kept.h \
 handlers/secret.h handlers/hv.h handlers/mark.h schemas/digest.h \
 handlers/work.h handlers/ledger.h handlers/pins.h schemas/host_event.h
handlers/handlers.h:
handlers/host_keys.h:
schemas/seal.h:
schemas/err.h:
schemas/base.h:
schemas/hpke.h:
schemas/messages.h:
schemas/schema.h:
schemas/limits.h:
schemas/uuid.h:
schemas/writer.h:
schemas/vault.h:
handlers/kept.h:
handlers/secret.h:
handlers/hv.h:
handlers/mark.h:
schemas/digest.h:
handlers/work.h:
handlers/ledger.h:
handlers/pins.h:
schemas/host_event.h:
