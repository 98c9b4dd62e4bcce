from omniedit.cli.main import main

main()
