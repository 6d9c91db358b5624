build2/bus/timer.o: bus/timer.c bus/timer.h schemas/base.h
bus/timer.h:
schemas/base.h:
