build2/cli/exit.o: cli/exit.c cli/exit.h schemas/err.h schemas/base.h
cli/exit.h:
schemas/err.h:
schemas/base.h:
