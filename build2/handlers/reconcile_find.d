build2/handlers/reconcile_find.o: handlers/reconcile_find.c \
 handlers/kept.h handlers/secret.h handlers/hv.h schemas/err.h \
 schemas/base.h schemas/schema.h schemas/limits.h schemas/uuid.h \
 schemas/writer.h handlers/mark.h schemas/digest.h handlers/work.h \
 handlers/ledger.h schemas/messages.h handlers/pins.h \
 schemas/host_event.h schemas/seal.h schemas/hpke.h schemas/vault.h \
 handlers/reconcile_parts.h
handlers/kept.h:
handlers/secret.h:
handlers/hv.h:
schemas/err.h:
schemas/base.h:
schemas/schema.h:
schemas/limits.h:
schemas/uuid.h:
schemas/writer.h:
handlers/mark.h:
schemas/digest.h:
handlers/work.h:
handlers/ledger.h:
schemas/messages.h:
handlers/pins.h:
schemas/host_event.h:
schemas/seal.h:
schemas/hpke.h:
schemas/vault.h:
handlers/reconcile_parts.h:
