build2/worker/http.o: worker/http.c worker/http.h schemas/err.h \
 schemas/base.h schemas/uuid.h schemas/limits.h
worker/http.h:
schemas/err.h:
schemas/base.h:
schemas/uuid.h:
schemas/limits.h:
