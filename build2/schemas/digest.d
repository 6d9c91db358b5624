build2/schemas/digest.o: schemas/digest.c schemas/digest.h schemas/err.h \
 schemas/base.h schemas/schema.h schemas/limits.h schemas/uuid.h \
 schemas/writer.h
schemas/digest.h:
schemas/err.h:
schemas/base.h:
schemas/schema.h:
schemas/limits.h:
schemas/uuid.h:
schemas/writer.h:
