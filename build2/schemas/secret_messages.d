build2/schemas/secret_messages.o: schemas/secret_messages.c \
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
