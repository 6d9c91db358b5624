build2/bus/lookup.o: bus/lookup.c bus/lookup.h schemas/err.h \
 schemas/base.h
bus/lookup.h:
schemas/err.h:
schemas/base.h:
