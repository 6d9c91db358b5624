build2/handlers/table.o: handlers/table.c handlers/handlers.h \
 handlers/work.h handlers/ledger.h handlers/mark.h schemas/digest.h \
 schemas/err.h schemas/base.h schemas/schema.h schemas/limits.h \
 schemas/uuid.h schemas/writer.h schemas/messages.h handlers/pins.h \
 schemas/host_event.h schemas/seal.h schemas/hpke.h schemas/vault.h
handlers/handlers.h:
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
