build2/bus/backoff.o: bus/backoff.c bus/backoff.h schemas/base.h
bus/backoff.h:
schemas/base.h:
