"""How Connexion runs fast and strict: routing, one compiled operation each, error bodies."""
