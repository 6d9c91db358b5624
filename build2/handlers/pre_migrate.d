build2/handlers/pre_migrate.o: handlers/pre_migrate.c handlers/handlers.h \
 handlers/peer.h handlers/mark.h schemas/digest.h schemas/err.h \
 schemas/base.h schemas/schema.h schemas/limits.h schemas/uuid.h \
 schemas/writer.h handlers/work.h handlers/ledger.h schemas/messages.h \
 handlers/pins.h schemas/host_event.h schemas/seal.h schemas/hpke.h \
 schemas/vault.h handlers/pre_migrate_parts.h handlers/kept.h \
 handlers/secret.h handlers/hv.h
handlers/handlers.h:
handlers/peer.h:
handlers/mark.h:
schemas/digest.h:
schemas/err.h:
schemas/base.h:
schemas/schema.h:
schemas/limits.h:
schemas/uuid.h:
schemas/writer.h:
handlers/work.h:
handlers/ledger.h:
schemas/messages.h:
handlers/pins.h:
schemas/host_event.h:
schemas/seal.h:
schemas/hpke.h:
schemas/vault.h:
handlers/pre_migrate_parts.h:
handlers/kept.h:
handlers/secret.h:
handlers/hv.h:
