build2/schemas/messages.o: schemas/messages.c schemas/messages.h \
 schemas/schema.h schemas/err.h schemas/base.h schemas/limits.h \
 schemas/uuid.h schemas/writer.h schemas/message_fields.h schemas/vault.h
schemas/messages.h:
schemas/schema.h:
schemas/err.h:
schemas/base.h:
schemas/limits.h:
schemas/uuid.h:
schemas/writer.h:
schemas/message_fields.h:
schemas/vault.h:
