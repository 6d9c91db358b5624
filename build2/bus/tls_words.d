build2/bus/tls_words.o: bus/tls_words.c bus/tls_words.h schemas/base.h
bus/tls_words.h:
schemas/base.h:
