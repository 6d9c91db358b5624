build2/handlers/private_file.o: handlers/private_file.c \
 handlers/private_file.h schemas/err.h schemas/base.h
handlers/private_file.h:
schemas/err.h:
schemas/base.h:
