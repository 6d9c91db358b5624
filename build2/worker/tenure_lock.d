build2/worker/tenure_lock.o: worker/tenure_lock.c worker/tenure_lock.h \
 schemas/err.h schemas/base.h
worker/tenure_lock.h:
schemas/err.h:
schemas/base.h:
