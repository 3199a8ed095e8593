from agents_bridge.cli import main

main()
