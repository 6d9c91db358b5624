build2/schemas/redact.o: schemas/redact.c schemas/redact.h \
 schemas/envelope.h schemas/schema.h schemas/err.h schemas/base.h \
 schemas/limits.h schemas/uuid.h schemas/writer.h schemas/body.h \
 schemas/json.h schemas/field.h schemas/messages.h schemas/text.h \
 schemas/vault.h
schemas/redact.h:
schemas/envelope.h:
schemas/schema.h:
schemas/err.h:
schemas/base.h:
schemas/limits.h:
schemas/uuid.h:
schemas/writer.h:
schemas/body.h:
schemas/json.h:
schemas/field.h:
schemas/messages.h:
schemas/text.h:
schemas/vault.h:
