build2/schemas/uuid.o: schemas/uuid.c schemas/uuid.h schemas/base.h \
 schemas/limits.h
schemas/uuid.h:
schemas/base.h:
schemas/limits.h:
