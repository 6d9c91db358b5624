build2/bus/url.o: bus/url.c bus/url.h schemas/err.h schemas/base.h \
 schemas/limits.h
bus/url.h:
schemas/err.h:
schemas/base.h:
schemas/limits.h:
