build2/schemas/reconcile_messages.o: schemas/reconcile_messages.c \
 schemas/message_fields.h schemas/messages.h schemas/schema.h \
 schemas/err.h schemas/base.h schemas/limits.h schemas/uuid.h \
 schemas/writer.h schemas/vault.h
schemas/message_fields.h:
schemas/messages.h:
schemas/schema.h:
schemas/err.h:
schemas/base.h:
schemas/limits.h:
schemas/uuid.h:
schemas/writer.h:
schemas/vault.h:
