build2/schemas/json.o: schemas/json.c schemas/json.h schemas/err.h \
 schemas/base.h schemas/limits.h schemas/text.h
schemas/json.h:
schemas/err.h:
schemas/base.h:
schemas/limits.h:
schemas/text.h:
