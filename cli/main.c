#include "cli/options.h"
#include "schemas/harden.h"

int main(int argc, char **argv)
{
    struct options options;
    int status;

    process_harden();
    return options_read(argc, argv, &options, &status) ? options.command->run(&options) : status;
}
