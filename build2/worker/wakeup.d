build2/worker/wakeup.o: worker/wakeup.c worker/wakeup.h schemas/err.h \
 schemas/base.h
worker/wakeup.h:
schemas/err.h:
schemas/base.h:
