build2/schemas/host_key_messages.o: schemas/host_key_messages.c \
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
