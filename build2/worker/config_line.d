build2/worker/config_line.o: worker/config_line.c worker/config_line.h
worker/config_line.h:
