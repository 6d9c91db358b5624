build2/worker/clock.o: worker/clock.c worker/clock.h schemas/base.h
worker/clock.h:
schemas/base.h:
