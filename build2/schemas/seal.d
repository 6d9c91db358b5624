build2/schemas/seal.o: schemas/seal.c schemas/seal.h schemas/err.h \
 schemas/base.h schemas/hpke.h schemas/messages.h schemas/schema.h \
 schemas/limits.h schemas/uuid.h schemas/writer.h
schemas/seal.h:
schemas/err.h:
schemas/base.h:
schemas/hpke.h:
schemas/messages.h:
schemas/schema.h:
schemas/limits.h:
schemas/uuid.h:
schemas/writer.h:
