build2/handlers/resolve.o: handlers/resolve.c handlers/handlers.h \
 handlers/hv.h schemas/err.h schemas/base.h schemas/schema.h \
 schemas/limits.h schemas/uuid.h schemas/writer.h handlers/work.h \
 handlers/ledger.h handlers/mark.h schemas/digest.h schemas/messages.h \
 handlers/pins.h schemas/host_event.h schemas/seal.h schemas/hpke.h \
 schemas/vault.h
handlers/handlers.h:
handlers/hv.h:
schemas/err.h:
schemas/base.h:
schemas/schema.h:
schemas/limits.h:
schemas/uuid.h:
schemas/writer.h:
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
