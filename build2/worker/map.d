build2/worker/map.o: worker/map.c worker/map.h schemas/base.h
worker/map.h:
schemas/base.h:
