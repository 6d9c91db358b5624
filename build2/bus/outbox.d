build2/bus/outbox.o: bus/outbox.c bus/outbox.h schemas/base.h
bus/outbox.h:
schemas/base.h:
