build2/bus/wire_table.o: bus/wire_table.c bus/wire.h schemas/err.h \
 schemas/base.h
bus/wire.h:
schemas/err.h:
schemas/base.h:
